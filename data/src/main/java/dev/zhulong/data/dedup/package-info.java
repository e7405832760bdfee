/** Which documents say the same thing: exact and near duplicates over the whole corpus, and overlap with evaluation sets. */
package dev.zhulong.data.dedup;
