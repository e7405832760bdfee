package dev.zhulong.edge;

/** Continues a prompt, a token at a time. */
public final class EdgeWriter {
    private final EdgeModel model;
    private final EdgeSampler sampler;
    private final int[] prompt;
    private int read;
    private int token = -1;

    /**
     * Of a sequence that begins anew.
     *
     * @param prompt ids, at least one ({@link EdgeTokenizer#sequence}); what the model read before is forgotten
     * @throws IllegalArgumentException where the prompt is empty or leaves no room in the context
     */
    public EdgeWriter(EdgeModel model, EdgeSampler sampler, int[] prompt) {
        if (prompt.length == 0 || prompt.length > model.context()) {
            throw new IllegalArgumentException("a prompt of " + prompt.length + " tokens; the model's context has 1 to " + model.context());
        }
        this.model = model;
        this.sampler = sampler;
        this.prompt = prompt.clone();
        model.reset();
    }

    /**
     * Bytes of the next token in UTF-8, of which a character may take several.
     *
     * @return null where the model or its context has come to an end
     */
    public byte[] next() {
        float[] logits = null;
        if (token >= 0) {
            if (model.length() >= model.context()) {
                return null;
            }
            logits = model.read(token, true);
        }
        for (; read < prompt.length; read++) {
            logits = model.read(prompt[read], read == prompt.length - 1);
        }
        int drawn = sampler.next(logits);
        if (model.tokenizer().ends(drawn)) {
            return null;
        }
        token = drawn;
        return model.tokenizer().bytes(drawn);
    }

    /** The token that {@link #next} gave the bytes of; -1 before the first. */
    public int token() {
        return token;
    }
}
