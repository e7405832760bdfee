/**
 * From token shards to batches. {@link dev.zhulong.data.pack.Rows} is an endless numbered list of training rows, each a pure function of
 * its number; {@link dev.zhulong.data.pack.Batches} deals them out to steps and ranks. So a run resumes from a step number alone.
 */
package dev.zhulong.data.pack;
