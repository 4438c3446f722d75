/** The base of relative addresses: the page's base, or the worker's own address. */
export const baseAddress = (): string => (typeof document === "object" ? document.baseURI : location.href);
