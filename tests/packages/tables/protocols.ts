/** Clients and servers of protocols, and their formats. */

import type { PackageRow } from "../row.ts";

/** The packages. */
export const PROTOCOLS: readonly PackageRow[] = [
  ["socket.io@4.8.4", "typeof m.Server"],
  ["socket.io-client@4.8.4", "typeof m.io"],
  ["graphql@17.1.0", "m.print(m.parse('{ a { b } }'))"],
  ["graphql-yoga@5.24.1", "typeof m.createYoga"],
  ["@apollo/server@5.5.1", "typeof m.ApolloServer"],
  ["@trpc/server@11.25.2", "typeof m.initTRPC.create().router"],
  ["@grpc/grpc-js@1.14.7", "typeof m.Server"],
  [
    "protobufjs@8.8.1",
    "d.parse('syntax = \"proto3\"; message A { int32 b = 1; }').root.lookupType('A').encode({ b: 5 }).finish()",
  ],
  ["mqtt@5.16.0", "typeof m.connect"],
  ["amqplib@2.3.1", "typeof d.connect"],
  ["nodemailer@10.6.1", "typeof d.createTransport({ jsonTransport: true }).sendMail"],
  ["undici@8.13.1", "typeof m.Agent"],
  ["axios@1.21.1", "d.getUri({ url: '/a', params: { b: 1 } })"],
  ["got@16.1.0", "typeof d.get"],
  ["node-fetch@3.3.2", "typeof d"],
  ["ky@2.1.0", "typeof d.get"],
  ["superagent@10.4.2", "typeof d.get"],
  ["@modelcontextprotocol/sdk@1.32.2/server/mcp.js", "typeof m.McpServer"],
  ["eventsource@5.1.5", "typeof m.EventSource"],
  ["eventsource-parser@4.1.3", "typeof m.createParser"],
];
