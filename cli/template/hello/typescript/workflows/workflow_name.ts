// Two tasks. The value travels by outputs, and the reference to it is what puts the second after the first.
import { nodeTask, text, workflow, z } from "@capstan/sdk";

const greet = nodeTask({
  input: z.object({ name: z.string() }),
  output: z.object({ text: z.string() }),
  run: ({ input }) => {
    console.log(`hello, ${input.name}`);
    return { text: `hello, ${input.name}` };
  },
});

const measure = nodeTask({
  input: z.object({ text: z.string() }),
  output: z.object({ characters: z.int() }),
  run: ({ input }) => {
    console.log(`that is ${input.text.length} characters`);
    return { characters: input.text.length };
  },
});

export default workflow(
  "workflow_name",
  { title: "Say hello, and measure it", inputs: z.object({ name: z.string().max(60).default("world") }) },
  ({ inputs, task }) => {
    const greeted = task("greet", greet, { name: inputs.name });
    const measured = task("measure", measure, { text: text`${greeted.outputs.text}` });
    return { characters: measured.outputs.characters };
  },
);
