// Has the room behave as with our server: whoever connects is in it, and whoever speaks does
// not hear himself. Neither costs anything for each message that is delivered.
import { api, chatRoom, Connection, Initializer } from "actionhero";

export class DefaultRoom extends Initializer {
  name = "defaultRoom";
  loadPriority = 1000;

  async initialize() {
    api.connections.addMiddleware({
      name: "joins the default room",
      create: (connection: Connection) =>
        chatRoom.addMember(connection.id, "defaultRoom"),
      // Only a client that can chat leaves its rooms.
      destroy: (connection: Connection) => {
        connection.canChat = true;
      },
    });
    await chatRoom.addMiddleware({
      name: "does not hear himself",
      // Once for each message. What is said is delivered to all in the room who can chat.
      onSayReceive: (connection: Connection, room: string, said: unknown) => {
        connection.canChat = false;
        return said;
      },
    });
  }
}
