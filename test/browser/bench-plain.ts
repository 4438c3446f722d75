/** Imports the package by its plain name, for the test of bundles. */
export { fromPretrained } from "@ppt-vit/pipeline";
