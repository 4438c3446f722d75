import type { Browser } from "playwright-core";

export const wanted: readonly string[];
export const served: { readonly model: string; readonly picture: string; readonly label: string };
export function serve(folder: string): Promise<{ url: string; close(): void }>;
export function launch(): Promise<Browser>;
export function open(browser: Browser, url: string): Promise<{ title: string; wasm: string[]; missing: string[] }>;
export function problemsOf(browser: Browser, url: string): Promise<string[]>;
