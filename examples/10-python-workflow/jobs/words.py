import re
import statistics


def split(text: str):
    words = re.findall(r"\w+", text.lower())
    return {"words": words, "count": len(words)}


def statistic(words: list, name: str):
    lengths = [len(word) for word in words]
    return {"value": float(getattr(statistics, name)(lengths))}
