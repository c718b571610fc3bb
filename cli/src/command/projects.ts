import { AppError, type ProjectView } from "@capstan/proto";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import type { Column } from "../output/table.ts";
import { didYouMean } from "../suggestion.ts";
import { changeProfile } from "./profile.ts";

const columns: readonly Column<ProjectView>[] = [
  { title: "PROJECT", key: "name", value: (project) => project.name },
  { title: "MY ROLE", key: "role", value: (project) => project.role },
  { title: "CREATED", key: "createdAt", value: (project) => project.createdAt },
];

/** `capstan projects`: each has its own workflows, agents, members and limits. */
export function registerProjects(program: Command, context: (command: Command) => Context): void {
  const projects = program.command("projects").summary("projects: each has its own workflows, agents and members");
  projects
    .command("list")
    .summary("projects that you are a member of")
    .action(async (_: unknown, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call("projectList");
      ctx.out.list(page.data, columns, (project) => project.name, page);
    });
  projects
    .command("create")
    .summary("make a project; you are its first project_admin")
    .argument("<name>", "small letters, digits and hyphens")
    .action(async (name: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const project = await ctx.client().call("projectCreate", { body: { name } });
      ctx.out.one(project, project.name, () => `${project.name} is made; capstan --project ${project.name} …\n`);
    });
  projects
    .command("show")
    .summary("the project in use")
    .addHelpText("before", "Examples:\n  capstan projects show\n")
    .action(async (_: unknown, command: Command) => {
      const ctx = context(command);
      const project = await ctx.client().call("projectGet");
      const about = project.description === "" ? "" : `: ${project.description}`;
      ctx.out.one(project, project.name, () => `${project.name}${about}\nyour role there is ${project.role}\n`);
    });
  projects
    .command("describe")
    .summary("say what the project in use is for")
    .argument("<text>", "plain text, at most 500 characters; an empty one takes it away")
    .addHelpText("before", 'Examples:\n  capstan projects describe "what the shop sells"\n')
    .action(async (description: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const seen = await client.seen("projectGet", {});
      const project = await client.call("projectChange", { body: { description }, seen });
      ctx.out.one(project, project.name, () => `${project.name}: ${project.description}\n`);
    });
  projects
    .command("use")
    .summary("take a project into use in the profile that is in use")
    .argument("<name>")
    .addHelpText("before", "Examples:\n  capstan projects use finance\n")
    .action(async (name: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const { data } = await ctx.client().call("projectList");
      const known = data.map((project) => project.name);
      if (!known.includes(name))
        throw new AppError("not_found", `you are a member of no project ${name}.${didYouMean(name, known)}`);
      changeProfile(ctx, { project: name });
      ctx.out.talk(`project ${name} is in use`);
    });
}
