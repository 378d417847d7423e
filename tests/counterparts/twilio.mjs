// Serves a Twilio by others on a free loopback port until its standard input ends.
// The first line of standard input is the seed as JSON; it prints `ready URL`.
import { createInterface } from "node:readline";

import { createEmulator } from "emulate";

const lines = createInterface({ input: process.stdin });
lines.once("line", async (line) => {
  const emulator = await createEmulator({
    service: "twilio",
    port: 0,
    seed: { twilio: JSON.parse(line) },
  });
  process.stdout.write(`ready ${emulator.url}\n`);
  lines.once("close", async () => {
    await emulator.close();
    process.exit(0);
  });
});
