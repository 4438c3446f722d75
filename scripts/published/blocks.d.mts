export interface Block {
  document: string;
  line: number;
  language: string;
  text: string;
  file?: string;
  says: Record<string, string>;
}

export declare function findDocuments(): string[];
export declare function blocksOf(document: string, markdown?: string): Block[];
