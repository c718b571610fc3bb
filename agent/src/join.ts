// `agent join URL`: the token comes on standard input, never as an argument that others could read.
import { AppError } from "@capstan/proto";
import { originOf, type AgentConfig } from "./config.ts";
import { enrol, type Enrolled } from "./enrol/enrol.ts";
import { readHostFacts } from "./facts.ts";

const tokenBytesMax = 4096;

export async function join(url: string, config: AgentConfig, input: AsyncIterable<Buffer | string>): Promise<Enrolled> {
  let token = "";
  for await (const chunk of input) {
    token += chunk.toString();
    if (token.length > tokenBytesMax) throw new AppError("join_token_invalid", "standard input is no join token");
  }
  const facts = readHostFacts(config.name, undefined);
  return enrol({
    server: originOf(url),
    token: token.trim(),
    name: config.name,
    dataDir: config.dataDir,
    facts: facts.labels,
  });
}
