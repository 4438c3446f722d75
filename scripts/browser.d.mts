/** Path of a Chromium or Chrome to test with, or undefined. */
export declare function findBrowser(): string | undefined;
