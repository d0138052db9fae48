import { describe, expect, it } from "vitest";
import { parseArguments } from "./arguments.ts";

describe("the arguments of npm test", () => {
  it("runs everything when nothing is named", () => {
    expect(parseArguments([])).toEqual({ kind: "run", checks: true, vitest: true, vitestArguments: [] });
  });

  it("runs only the named project", () => {
    const parsed = parseArguments(["--project", "unit"]);
    expect(parsed).toEqual({ kind: "run", checks: false, vitest: true, vitestArguments: ["--project=unit"] });
  });

  it("runs only the static checks when they alone are named", () => {
    expect(parseArguments(["--project=checks"])).toMatchObject({ checks: true, vitest: false });
  });

  it("skips the static checks when files are named, and passes other options through", () => {
    const parsed = parseArguments(["schemas/", "-t", "decode"]);
    expect(parsed).toMatchObject({ checks: false, vitestArguments: ["schemas/", "-t", "decode"] });
  });

  it("takes what follows an option of vitest for its value, whatever it looks like", () => {
    const parsed = parseArguments(["-t", "-1 is refused"]);
    expect(parsed).toMatchObject({ kind: "run", vitestArguments: ["-t", "-1 is refused"] });
  });

  it("refuses an option that it does not know", () => {
    expect(parseArguments(["--fast"])).toEqual({ kind: "wrong", reason: "There is no option --fast." });
  });

  it("refuses a project that does not exist, and says which ones do", () => {
    const parsed = parseArguments(["--project", "units"]);
    expect(parsed).toMatchObject({ kind: "wrong", reason: expect.stringContaining("unit, property") });
  });
});
