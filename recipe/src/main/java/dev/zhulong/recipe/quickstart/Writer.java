package dev.zhulong.recipe.quickstart;

import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;

/** Has a model write: the sample that gets better while it trains, and the completions in the end. The model stays the caller's. */
final class Writer {
    static final String PROMPT = "    /**\n     * Returns the ";
    private static final int SAMPLE_TOKENS = 40;
    private static final int COMPLETION_TOKENS = 48;
    private static final int GAP_TOKENS = 24;
    private static final List<String> SNIPPETS = List.of(
            "    /**\n     * Returns the number of elements in this list.\n     *\n     * @return ",
            "public final class Point {\n    private final int x;\n    private final int y;\n\n    public Point(int x, int y) {\n        this.x = ",
            "    @Override\n    public String toString() {\n        return ",
            "        for (int i = 0; i < ");
    private static final List<String[]> GAPS = List.of(
            new String[] {"    public int size() {\n        return ", ";\n    }\n"},
            new String[] {"        if (name == null) {\n            throw new ", "(\"name\");\n        }\n"},
            new String[] {"import java.util.List;\nimport java.", ";\n\npublic class Names {\n    private final Map<String, List<String>> names;\n"});

    private final LanguageModel model;
    private final Tokenizer tokenizer;
    private final Generator generator;

    Writer(LanguageModel model, Tokenizer tokenizer) {
        this.model = model;
        this.tokenizer = tokenizer;
        this.generator = new Generator(model, tokenizer);
    }

    /** About forty tokens after the one prompt, always drawn from the same random stream. */
    Report.Sample sample(long step) {
        var drawn = SamplerOptions.DEFAULT.withTemperature(0.6).withTopP(0.95).withSeed(1);
        return new Report.Sample(step, PROMPT, continued(PROMPT, SAMPLE_TOKENS, drawn));
    }

    private String continued(String prompt, int tokens, SamplerOptions sampler) {
        return write(generator.sequence(prompt), tokens, sampler);
    }

    /** A model made for rows shorter than the prompt sees the prompt's end. */
    private String write(int[] prompt, int tokens, SamplerOptions sampler) {
        int room = model.spec().contextLength() - 8;
        int[] seen = prompt.length <= room ? prompt : java.util.Arrays.copyOfRange(prompt, prompt.length - room, prompt.length);
        return generator.generate(seen, GenerateOptions.of(tokens, sampler), piece -> { }).text();
    }

    /** Snippets of our own, continued and filled in greedily. */
    List<Report.Completion> completions() {
        var all = new ArrayList<Report.Completion>();
        for (String snippet : SNIPPETS) {
            all.add(new Report.Completion(snippet, continued(snippet, COMPLETION_TOKENS, SamplerOptions.GREEDY), ""));
        }
        if (FillInTheMiddle.isKnownTo(tokenizer)) {
            for (String[] gap : GAPS) {
                String middle = write(FillInTheMiddle.prompt(tokenizer, gap[0], gap[1]), GAP_TOKENS, SamplerOptions.GREEDY);
                all.add(new Report.Completion(gap[0], middle, gap[1]));
            }
        }
        return all;
    }
}
