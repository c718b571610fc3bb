// What came for a trigger, and what it came to.

export const deliveryOutcomes = {
  pending: "its run is being started",
  started: "it became a run",
  filtered: "the condition of the trigger was false",
  failed: "its inputs or labels could not be made, or do not fit",
  limit_reached: "the workflow's concurrency takes no more runs",
  queue_full: "as many runs wait already as may",
  chain_too_long: "too many runs stand behind it by triggers",
  answered: "it was a test of the sender and was answered; it asks for no run",
  disabled: "the webhook was disabled",
  unverified: "its signature, its address or its time was not right",
  unreadable: "its body is not what it says it is",
  broken: "its trigger could not be read",
} as const;
export type DeliveryOutcome = keyof typeof deliveryOutcomes;
