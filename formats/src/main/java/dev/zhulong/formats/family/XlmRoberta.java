package dev.zhulong.formats.family;

/** XLM-RoBERTa (Conneau et al. 2019): RoBERTa in a hundred languages, under the same names. */
public final class XlmRoberta extends Roberta {
    @Override
    public String modelType() {
        return "xlm-roberta";
    }

    @Override
    String stem() {
        return "XLMRoberta";
    }
}
