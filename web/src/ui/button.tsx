import { cva, type VariantProps } from "class-variance-authority";
import type { ButtonHTMLAttributes } from "react";
import { cn } from "../lib/cn.ts";

export const buttonLook = cva(
  "inline-flex min-h-8 items-center justify-center gap-1.5 rounded-md border px-3 text-[0.8125rem] font-medium whitespace-nowrap disabled:cursor-not-allowed disabled:border-line disabled:bg-transparent disabled:text-ink-soft aria-disabled:cursor-not-allowed aria-disabled:border-line aria-disabled:bg-transparent aria-disabled:text-ink-soft",
  {
    variants: {
      look: {
        plain: "border-line-strong/60 bg-raised hover:bg-sunken",
        strong: "border-transparent bg-accent text-on-accent hover:opacity-90",
        danger: "border-bad bg-raised text-bad hover:bg-bad-soft",
        bare: "border-transparent px-2 text-ink-soft hover:bg-sunken hover:text-ink",
      },
    },
    defaultVariants: { look: "plain" },
  },
);

export function Button({
  look,
  className,
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & VariantProps<typeof buttonLook>) {
  return <button type="button" className={cn(buttonLook({ look }), className)} {...rest} />;
}
