import type { Browser, BrowserContext } from "playwright-core";

/** What each page must answer, by its path: the start of its title, how many WebAssembly files it loads, and how many workers start at least. */
export type Pages = Readonly<
  Record<string, { readonly title: string; readonly wasm: number; readonly workers?: number }>
>;

export const served: { readonly model: string; readonly picture: string };
export function serve(
  folder: string,
  base?: string,
  own?: Readonly<Record<string, string>>,
): Promise<{ url: string; close(): void }>;
export function launch(): Promise<Browser>;
export function open(
  browser: Browser | BrowserContext,
  url: string,
): Promise<{ title: string; wasm: string[]; missing: string[]; workers: number }>;
export function problemsOf(browser: Browser | BrowserContext, url: string, pages: Pages): Promise<string[]>;
