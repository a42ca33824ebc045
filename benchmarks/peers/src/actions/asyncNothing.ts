// The same as benchmarks/actions/async_nothing.py.
import { Action } from "actionhero";

export class AsyncNothing extends Action {
  name = "asyncNothing";
  description = "Answers at once";
  outputExample = { done: true };

  async run() {
    return { done: true };
  }
}
