// `care_report.yaml` in TypeScript.
import { always, expr, file, httpTask, orValue, percent, pythonTask, shellTask, text, workflow, z } from "@capstan/sdk";
import type { Secret } from "@capstan/sdk";

const load = pythonTask("jobs.load:load", {
  input: z.object({ source: file(), day: z.string(), limit: z.int(), dsn: z.custom<Secret>() }),
  output: z.object({ rows: z.int().min(0), accuracy: z.number(), table: file() }),
});

export const careReport = workflow(
  "care_report",
  {
    owner: "analytics",
    tags: ["daily", "care"],
    description: "Rows of the day, and a report where there are enough of them.",
    inputs: z.object({
      day: z.iso.date().default("2026-01-31"),
      threshold: z.number().min(0).max(1).default(0.92),
      url: z.url(),
      limit: z.int().min(1).optional(),
    }),
    secrets: { CARE_DB: "env:CAPSTAN_SECRET_CARE_DB", HOOK: "env:CAPSTAN_SECRET_HOOK" },
    timeout: "2h",
    defaults: { timeout: "10m", retry: { attempts: 3, delay: "10s", causes: ["error", "exit:75"] } },
  },
  ({ inputs, run, secret, task, onSuccess, onFailure }) => {
    const download = task(
      "download",
      httpTask({ url: inputs.url, saveAs: "care.csv", expect: { status: [200, "203-206"] } }),
    );
    const loaded = task(
      "load",
      load,
      {
        source: download.outputs.file,
        day: inputs.day,
        limit: orValue(inputs.limit, 100),
        dsn: secret("CARE_DB"),
      },
      { runsOn: { zone: "onprem" } },
    );
    const { rows, accuracy, table } = loaded.outputs;
    const publish = task(
      "publish",
      shellTask({ script: 'cat "$TABLE"\n', shell: "sh" }, { output: z.object({ uri: z.string() }) }),
      {},
      {
        if: expr`${accuracy} >= ${inputs.threshold} && ${rows} > ${10}`,
        env: { TABLE: table, KEY: text`care/${inputs.day}/\${{ x }}.csv` },
        grace: "20s",
      },
    );
    task("tidy", shellTask("rm -rf /tmp/care"), {}, { if: always(), needs: [publish], timeout: null });
    onSuccess({
      webhook: {
        url: "https://chat.example/x",
        headers: { authorization: secret("HOOK") },
        json: { text: text`${rows} rows, ${percent(accuracy)}` },
      },
    });
    onFailure({ run: "echo failed", env: { TASK: run.failure.task } });
    return { rows, published: expr`${publish.state} == ${"succeeded"}` };
  },
);
