/** Runs in a worker: everything that an application has to write there. */
import { serveClassifiers } from "@ppt-vit/pipeline/browser";

serveClassifiers();
