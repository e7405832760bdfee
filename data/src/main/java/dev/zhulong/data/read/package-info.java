/** Tolerant readers: from files and archives to documents, with a report of everything that was skipped or repaired. */
package dev.zhulong.data.read;
