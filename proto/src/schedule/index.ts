export { weekdayNames, type CanonicalCalendar, type WeekdayName } from "./calendar.ts";
export { instantOf, neverFires, ticksOf, type CanonicalSchedule, type Ticks } from "./ticks.ts";
export { jitterOf, nextFires, type Fire } from "./fires.ts";
export { isTimeZone } from "./zone.ts";
