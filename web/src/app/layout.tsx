import type { Metadata, Viewport } from "next";
import Link from "next/link";
import type { ReactNode } from "react";
import "./globals.css";
import { Providers } from "./providers.tsx";

// The policy's nonce is new for each request, so no page may be made ahead of time.
export const dynamic = "force-dynamic";

export const metadata: Metadata = {
  title: { default: "Capstan", template: "%s · Capstan" },
  description: "Runs, their tasks and their logs",
};
export const viewport: Viewport = { width: "device-width", initialScale: 1, colorScheme: "light dark" };

export default function RootLayout({ children }: { readonly children: ReactNode }) {
  return (
    <html lang="en">
      <body className="flex min-h-dvh flex-col">
        <a
          href="#main"
          className="sr-only rounded bg-accent px-3 py-2 text-on-accent focus:not-sr-only focus:absolute focus:top-2 focus:left-2 focus:z-10"
        >
          Skip to the content
        </a>
        <header className="border-b border-line bg-raised">
          <nav aria-label="Main" className="mx-auto flex h-12 max-w-[1440px] items-center gap-5 px-4 sm:px-6">
            <Link href="/" className="flex min-h-6 items-center gap-2 text-[0.9375rem] font-semibold tracking-tight">
              <svg
                viewBox="0 0 24 24"
                className="size-5 text-accent"
                aria-hidden="true"
                fill="none"
                stroke="currentColor"
                strokeWidth="2"
                strokeLinecap="round"
              >
                <path d="M12 3v18M4 8l16 8M20 8 4 16" />
                <circle cx="12" cy="12" r="4.5" fill="var(--raised)" />
              </svg>
              Capstan
            </Link>
            <Link href="/runs" className="flex min-h-6 items-center text-ink-soft hover:text-ink">
              Runs
            </Link>
          </nav>
        </header>
        <main
          id="main"
          tabIndex={-1}
          className="mx-auto flex w-full max-w-[1440px] flex-1 flex-col px-4 py-5 outline-none sm:px-6"
        >
          <Providers>{children}</Providers>
        </main>
      </body>
    </html>
  );
}
