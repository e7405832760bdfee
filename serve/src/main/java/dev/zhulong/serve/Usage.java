package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * What a request took.
 *
 * @param promptTokens  of each prompt once, however many answers it has
 * @param cachedTokens  how many of them need not be read
 * @param writtenTokens of all answers
 */
record Usage(int promptTokens, int cachedTokens, int writtenTokens) {
    ObjectNode json() {
        ObjectNode tree = Json.object();
        tree.put("prompt_tokens", promptTokens).put("completion_tokens", writtenTokens).put("total_tokens", promptTokens + writtenTokens);
        tree.putObject("prompt_tokens_details").put("cached_tokens", cachedTokens);
        return tree;
    }
}
