/** True if both are the same type, also in `any`, `readonly` and optional fields. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** `same<A, B>(true)` is an error unless both are the same type. */
export const same = <A, B>(_: Equal<A, B>): void => {};
