/** Clients of services, and what signs people in. */

import type { PackageRow } from "../row.ts";

/** The packages. */
export const SERVICES: readonly PackageRow[] = [
  ["@aws-sdk/client-s3@3.1175.0", "typeof m.S3Client"],
  ["@aws-sdk/client-dynamodb@3.1169.0", "typeof m.DynamoDBClient"],
  ["stripe@23.1.0", "typeof d"],
  ["openai@7.59.0", "typeof d"],
  ["@anthropic-ai/sdk@1.14.0", "typeof d"],
  ["@slack/web-api@8.2.0", "typeof m.WebClient"],
  ["twilio@6.3.1", "typeof d"],
  ["firebase-admin@14.5.1", "typeof d"],
  ["@google-cloud/storage@8.4.0", "typeof m.Storage"],
  ["@supabase/supabase-js@2.119.1", "typeof m.createClient"],
  ["resend@6.38.0", "typeof m.Resend"],
  ["algoliasearch@5.65.0", "typeof m.algoliasearch"],
  ["ai@7.0.173", "typeof m.streamText"],
  ["@azure/storage-blob@12.34.0", "typeof m.BlobServiceClient"],
  ["googleapis@188.0.0", "typeof m.google.drive"],
];
