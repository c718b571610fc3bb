import { clsx, type ClassValue } from "clsx";
import { twMerge } from "tailwind-merge";

/** Class names joined; of two that set the same thing the later wins. */
export const cn = (...values: readonly ClassValue[]): string => twMerge(clsx(values));
