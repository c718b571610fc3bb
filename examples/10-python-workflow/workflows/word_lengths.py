# Lengths of the words of a text: a workflow in Python, its tasks in `jobs/`.
from capstan import Workflow, expr, text

w = Workflow(
    "word_lengths",
    title="Lengths of words",
    inputs={
        "text": {"type": "string", "maxLength": 10000, "default": "a workflow in Python is the document that YAML would be"},
        "least": {"type": "integer", "minimum": 1, "default": 4},
    },
)

split = w.task("split", python="jobs.words:split", with_={"text": w.inputs.text}, outputs={"words": "array", "count": "integer"})

# One task for each statistic: the loop runs when the workflow is built.
means = {}
for name in ("mean", "median"):
    means[name] = w.task(
        name,
        python="jobs.words:statistic",
        with_={"words": split.outputs.words, "name": name},
        outputs={"value": "number"},
        if_=expr(f"{split.outputs.count} >= {w.inputs.least}"),
    )

w.task(
    "tell",
    run='echo "$LINE"',
    env={"LINE": text(f"{split.outputs.count} words, {means['mean'].outputs.value} letters on average")},
    needs=[means["median"]],
)
w.outputs(count=split.outputs.count, told=expr(f'{means["mean"].state} == "succeeded"'))
