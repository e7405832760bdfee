/**
 * How well documents are found: {@link dev.zhulong.evaluate.retrieval.RetrievalData} in BEIR's layout, {@link dev.zhulong.evaluate.retrieval.RetrievalEvaluation} over
 * an encoder's vectors with or without a cross-encoder behind it, {@link dev.zhulong.evaluate.retrieval.RankingMetrics} by trec_eval's definitions.
 */
package dev.zhulong.evaluate.retrieval;
