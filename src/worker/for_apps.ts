/**
 * What apps have of gatehouse's package when they import it, without that it is installed.
 *
 * @module
 */

export { eventStream, eventText } from "../message/event_stream.ts";
export { contextOf } from "./context.ts";
