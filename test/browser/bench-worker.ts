/** Runs in a worker: all that an application writes there. */
import { serveClassifiers } from "@ppt-vit/pipeline/browser";

serveClassifiers();
