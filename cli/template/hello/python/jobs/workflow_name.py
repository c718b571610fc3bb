"""The functions of the workflow. They import nothing of Capstan, so a plain test can call them."""


def measure(text: str):
    print(f"that is {len(text)} characters")
    return {"characters": len(text)}
