// What differs from a generated project. Files are read in the order of their names, so this
// one has the last word.
import * as path from "path";

const folder = path.join(__dirname, "..", "..");

export const production = {
  general: () => ({
    // As many as are outstanding, and more.
    simultaneousActions: 100,
    // Keeps whatever params a client sends, as our server does.
    disableParamScrubbing: true,
    startingChatRooms: { defaultRoom: {} },
  }),

  plugins: () => ({
    "actionhero-socket-server": {
      path: path.join(folder, "node_modules", "actionhero-socket-server"),
    },
  }),

  socket: () => ({
    port: Number(process.env.SOCKET_PORT),
    bindIP: "127.0.0.1",
  }),

  web: () => ({ enabled: false }),

  websocket: () => ({ enabled: false }),

  // None, not silent ones: winston formats each line before it asks for the level. Where requests
  // are logged, it is once, to standard output, and not to a file as well.
  logger: (config: any) => ({
    loggers: process.env.LOG_REQUESTS ? config.logger.loggers.slice(0, 1) : [],
  }),

  // These two say that they are not to be merged, so they are taken and changed.
  errors: (config: any) => {
    config.errors.serializers.servers.socket = (error: any) =>
      error.message ? String(error.message) : error;
    return config.errors;
  },

  redis: (config: any) => {
    const konstructor = require("ioredis-mock");
    for (const name of ["client", "subscriber", "tasks"]) {
      config.redis[name].konstructor = konstructor;
    }
    return config.redis;
  },
};
