/** The package by its plain name, for the test of what bundlers take. */
export { fromPretrained } from "@ppt-vit/pipeline";
