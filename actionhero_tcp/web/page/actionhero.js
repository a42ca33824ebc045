/**
 * A client of an actionhero-tcp server for browsers, over WebSocket. One file, no dependency.
 *
 *     const client = new ActionHero("ws://localhost:5080/ws");
 *     await client.connect();
 *     const answer = await client.action("randomNumber");
 *     client.on("say", (message) => console.log(message.from, message.message));
 *     await client.roomChange("lobby");
 *     await client.say("hello");
 */

/** An answer that holds an error. */
export class AnswerError extends Error {
  /** @param {Answer} answer what the server answered */
  constructor(answer) {
    super(typeof answer.error === "string" ? answer.error : JSON.stringify(answer.error));
    this.name = "AnswerError";
    /** @type {Answer} */
    this.answer = answer;
  }
}

/** The connection ended before the answer came, or no answer came in time. */
export class ConnectionLost extends Error {
  /** @param {string} reason why there is no answer */
  constructor(reason) {
    super(reason);
    this.name = "ConnectionLost";
  }
}

/**
 * @typedef {{context: string, messageCount: number, error?: unknown} & Record<string, any>} Answer
 * @typedef {object} Options
 * @property {number} [timeout] ms until a call without an answer fails; 10,000
 * @property {boolean} [reconnect] whether to connect again when the connection is lost; true
 * @property {number} [maxDelay] ms between two attempts to reconnect at most; 30,000
 * @property {number} [maxPending] calls that may wait for their answers at once; 1,000
 * @typedef {"open" | "close" | "say" | "welcome" | "message" | "stream"} EventName
 */

const FIRST_DELAY = 250;

/** A client: one WebSocket, its calls and its events. */
export class ActionHero {
  /**
   * @param {string | URL} url where the server's WebSocket is
   * @param {Options} [options] limits and behaviour
   */
  constructor(url, options = {}) {
    this.url = String(url);
    this.options = { timeout: 10000, reconnect: true, maxDelay: 30000, maxPending: 1000, ...options };
    /** The room of this client, as far as known. @type {string | null} */
    this.room = null;
    this._socket = null;
    this._count = 0;
    this._pending = new Map();
    this._listeners = new Map();
    this._delay = FIRST_DELAY;
    this._timer = null;
    this._closed = false;
  }

  /** Whether calls go out now. */
  get connected() {
    return this._socket !== null && this._socket.readyState === WebSocket.OPEN && this.room !== null;
  }

  /**
   * Connects, and resolves with the welcome.
   * @returns {Promise<Answer>}
   */
  connect() {
    this._closed = false;
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(this.url);
      socket.binaryType = "arraybuffer";
      this._socket = socket;
      this._count = 0;
      this._welcomed = resolve;
      socket.onmessage = (event) => this._receive(event.data);
      socket.onclose = (event) => {
        const reason = event.reason || `the connection was closed (${event.code})`;
        reject(new ConnectionLost(reason));
        if (this._socket === socket) this._lost(reason);
      };
    });
  }

  /**
   * Runs an action.
   * @param {string} name its name
   * @param {Record<string, unknown>} [params] its inputs
   * @returns {Promise<Answer>} rejected with an AnswerError where the answer holds an error
   */
  action(name, params = {}) {
    return this.send(JSON.stringify({ action: name, params }));
  }

  /**
   * Says something to the others in the room.
   * @param {string} message
   * @returns {Promise<Answer>}
   */
  say(message) {
    return this.send(`say ${message}`);
  }

  /**
   * Goes to another room.
   * @param {string} room one word
   * @returns {Promise<Answer>}
   */
  async roomChange(room) {
    const answer = await this.send(`roomChange ${room}`);
    this.room = answer.room;
    return answer;
  }

  /** @returns {Promise<Answer>} who is in the room */
  roomView() {
    return this.send("roomView");
  }

  /** @returns {Promise<Answer>} who this client is */
  detailsView() {
    return this.send("detailsView");
  }

  /**
   * Sends one line, and resolves with its answer.
   * @param {string} line
   * @returns {Promise<Answer>}
   */
  send(line) {
    if (!this.connected) return Promise.reject(new ConnectionLost("not connected"));
    if (this._pending.size >= this.options.maxPending) {
      return Promise.reject(new Error(`${this.options.maxPending} calls wait for their answers`));
    }
    const text = line.replace(/[\r\n]+/g, " ").trim();
    if (!text) return Promise.reject(new Error("an empty line is no request"));
    this._count += 1;
    const number = this._count;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this._pending.delete(number);
        reject(new ConnectionLost(`no answer within ${this.options.timeout} ms`));
      }, this.options.timeout);
      this._pending.set(number, { resolve, reject, timer });
      this._socket.send(text);
    });
  }

  /**
   * Calls a function at each event of a kind.
   * @param {EventName} event
   * @param {(value: any) => void} listener
   * @returns {() => void} takes the listener away
   */
  on(event, listener) {
    if (!this._listeners.has(event)) this._listeners.set(event, new Set());
    this._listeners.get(event).add(listener);
    return () => this._listeners.get(event).delete(listener);
  }

  /** Closes the connection, and does not reconnect. */
  close() {
    this._closed = true;
    clearTimeout(this._timer);
    if (this._socket !== null) this._socket.close(1000);
  }

  _receive(data) {
    if (typeof data !== "string") {
      this._emit("message", data);
      return;
    }
    const message = JSON.parse(data);
    const waiting = this._pending.get(message.messageCount);
    if (message.context === "response" && waiting !== undefined) {
      this._pending.delete(message.messageCount);
      clearTimeout(waiting.timer);
      if ("error" in message) waiting.reject(new AnswerError(message));
      else waiting.resolve(message);
    } else if (message.context === "user") {
      this._emit("say", message);
    } else if (message.context === "stream") {
      this._emit("stream", message);
    } else if ("welcome" in message) {
      this.room = message.room ?? "";
      this._delay = FIRST_DELAY;
      this._welcomed(message);
      this._emit("welcome", message);
      this._emit("open", message);
    } else {
      this._emit("message", message);
    }
  }

  _lost(reason) {
    this._socket = null;
    this.room = null;
    for (const { reject, timer } of this._pending.values()) {
      clearTimeout(timer);
      reject(new ConnectionLost(reason));
    }
    this._pending.clear();
    this._emit("close", reason);
    if (this._closed || !this.options.reconnect) return;
    // Half of the delay is drawn by lot, so that the clients of a server that went do not
    // all come back at once.
    const delay = this._delay * (0.5 + Math.random() / 2);
    this._delay = Math.min(this._delay * 2, this.options.maxDelay);
    this._timer = setTimeout(() => this.connect().catch(() => {}), delay);
  }

  _emit(event, value) {
    for (const listener of this._listeners.get(event) ?? []) listener(value);
  }
}
