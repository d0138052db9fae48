import { readFileSync, writeFileSync } from "node:fs";
import { Command } from "commander";
import { completed, type LockedPackages } from "./lockfile/complete.ts";

new Command("npm run lockfile")
  .description(
    "Adds to package-lock.json the builds for other platforms that npm left out because the registry in use does not" +
      " serve them, and takes out addresses of a registry. Run it after `npm install X`; a test fails when it is needed.",
  )
  .action(() => {
    const file = new URL("../package-lock.json", import.meta.url);
    const lock = JSON.parse(readFileSync(file, "utf8")) as { packages: LockedPackages };
    const packages = Object.fromEntries(
      Object.entries(completed(lock.packages)).map(([path, locked]) => {
        const { resolved, ...rest } = locked;
        return [path, locked.link === true || resolved === undefined ? locked : rest];
      }),
    );
    const added = Object.keys(packages).length - Object.keys(lock.packages).length;
    writeFileSync(file, `${JSON.stringify({ ...lock, packages }, null, 2)}\n`);
    console.log(added === 0 ? "package-lock.json is complete" : `package-lock.json: ${added} builds added`);
  })
  .parse();
