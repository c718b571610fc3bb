# Two tasks. The value travels by outputs, and the reference to it is what puts the second after the first.
from capstan import Workflow

w = Workflow(
    "workflow_name",
    title="Say hello, and measure it",
    inputs={"name": {"type": "string", "default": "world", "maxLength": 60}},
)

greet = w.task(
    "greet",
    run='echo "hello, $NAME"\necho "text=hello, $NAME" >> "$CAPSTAN_OUTPUTS"\n',
    env={"NAME": w.inputs.name},
    outputs={"text": "string"},
)
measure = w.task(
    "measure",
    python="jobs.workflow_name:measure",
    with_={"text": greet.outputs.text},
    outputs={"characters": "integer"},
)
w.outputs(characters=measure.outputs.characters)
