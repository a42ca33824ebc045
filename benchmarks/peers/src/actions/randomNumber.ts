// The same answer as our randomNumber.
import { Action } from "actionhero";

export class RandomNumber extends Action {
  name = "randomNumber";
  description = "I am an API method which will generate a random number";
  outputExample = { randomNumber: 0.123 };

  async run() {
    return { randomNumber: Math.random() };
  }
}
