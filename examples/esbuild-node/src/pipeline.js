export * from "@ppt-vit/pipeline";
