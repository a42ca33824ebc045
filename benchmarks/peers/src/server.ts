// The generated server.ts, but that it tells why it did not start: nothing is logged here.
import { Process } from "actionhero";

async function main() {
  const app = new Process();
  app.registerProcessSignals((exitCode) => {
    process.exit(exitCode);
  });
  await app.start();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
