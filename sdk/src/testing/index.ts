// Rehearsals of workflows, for tests of their authors. Needs `@capstan/control-plane`, whose engine decides.
export { after, fails, skips, type Mock, type MockAnswer, type MockCall } from "./mock.ts";
export { rehearse, type Rehearsable, type Rehearsed, type RehearsalOptions, type RehearsedTask } from "./rehearsal.ts";
