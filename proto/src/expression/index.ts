export {
  evaluateCondition,
  evaluateExpression,
  evaluateText,
  evaluateTree,
  resultBytesMax,
  valuesUsed,
  type EvaluationOptions,
} from "./evaluate.ts";
export type { ConditionStatus } from "./budget.ts";
export {
  referencesOf,
  statusCallsIn,
  statusFunctions,
  type PathStep,
  type Reference,
  type StatusFunction,
} from "./references.ts";
export { rootNames, type Scope } from "./scope.ts";
export type { FieldShape, ObjectShape, Shape } from "./shape.ts";
export { checkExpression, type ExpressionCheck } from "./guard.ts";
export type { ExpressionProblem } from "./calls.ts";
export { matchesPattern, patternError } from "./pattern.ts";
export { guess, nearestNames } from "./nearest.ts";
export { durationText } from "./time-format.ts";
export type { ExpressionContext } from "./look-up.ts";
