export * from "./canonical.ts";
export * from "./canonical-repeat.ts";
export * from "./defaults.ts";
export type { Derived } from "./derived.ts";
export type { FileValue } from "./file-value.ts";
export * from "./task-of.ts";
export * from "./gives.ts";
export {
  asksEachIndex,
  chainOf,
  defaultMaxParallel,
  isMapped,
  itemsMax,
  itemsOf,
  neededOf,
  taskRunsMax,
  type Items,
} from "./mapping.ts";
export { controlPlaneActions } from "./task-kind.ts";
export { scopeAt, scopeFor, scopeOf, type Declarations, type Place } from "./scope-of.ts";
export { conditionNames, contextNames, forEachExpression, pickContext, secretNames } from "./context-names.ts";
export { findCycle, graphOf, type Graph } from "./edges.ts";
export { canonicalJsonOf, digestOf, digestOfText, withBundle } from "./digest.ts";
export { labelText, labelsWantedBy } from "./python-environment.ts";
export { checkCode, mayMissCode } from "./check-code.ts";
export { checkLimits } from "./check-limits.ts";
export { asksPeople, checkMembers } from "./check-members.ts";
export { checkVars } from "./check-vars.ts";
export { early, type Early } from "./early.ts";
export { hookWords, taskWords, topLevelWords } from "./key-words.ts";
export { readYaml } from "./read-yaml.ts";
export { readWorkflow, type ReadWorkflow, type WorkflowText } from "./read.ts";
export { formatProblem, problemsMax, type DocumentProblem } from "./problems.ts";
export { workflowJsonSchema, workflowSchema as workflowDocumentSchema, type WorkflowSource } from "./schema.ts";
export { parseSecretReference, type SecretReference } from "./secret-reference.ts";
export {
  checkForm,
  checkInputs,
  checkOutputs,
  parseInputText,
  type CheckedInputs,
  type CheckedOutputs,
  type OutputProblem,
  type ParsedInput,
} from "./inputs.ts";
export { checkValue, hasFormat, type ValueProblem } from "./values.ts";
export { sureAtEnd } from "./sure.ts";
export { deriveWorkflow, overridesMax, type Derivation, type Overrides } from "./override.ts";
export { sourceOfCanonical } from "./to-source.ts";
export type { DataRules } from "./check-data.ts";
export { mayKeepFiles, residencyOf, type Residency } from "./residency.ts";
export {
  listenersOf,
  placeOfTrigger,
  schedulesOf,
  type CanonicalTrigger,
  type ListeningKind,
  type ListeningTrigger,
  type ScheduleTrigger,
} from "./triggers.ts";
export { type CanonicalHmac, type CanonicalWebhook, type WebhookScheme } from "./webhook.ts";
