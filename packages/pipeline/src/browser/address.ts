/** Where relative addresses start: the page's base, or the worker's own address. */
export const baseAddress = (): string => (typeof document === "object" ? document.baseURI : location.href);
