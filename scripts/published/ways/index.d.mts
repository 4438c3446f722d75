import type { Block } from "../blocks.mjs";

export declare function wayOf(block: Pick<Block, "language" | "says" | "file">): string;
