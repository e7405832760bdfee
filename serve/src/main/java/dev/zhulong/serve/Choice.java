package dev.zhulong.serve;

import dev.zhulong.infer.Generation;
import dev.zhulong.infer.TokenLogProbs;
import dev.zhulong.serve.TokenTexts.TokenText;
import java.util.List;

/** One of a request's answers while it is written: what the model writes goes through the filter, then calls of tools are taken out. */
final class Choice {
    private final int number;
    private final TextFilter filter;
    /** Null where no tools were offered. */
    private final ToolCalls tools;
    /** Null where log-probabilities are not asked for. */
    private final TokenTexts texts;
    private final boolean wholeJson;
    private final StringBuilder held = new StringBuilder();
    private boolean called;

    /**
     * @param wholeJson the answer is JSON, whose strings are looked at as what they spell: it is told when it is whole
     */
    Choice(int number, TextFilter filter, ToolCalls tools, TokenTexts texts, boolean wholeJson) {
        this.number = number;
        this.filter = filter;
        this.tools = tools;
        this.texts = texts;
        this.wholeJson = wholeJson;
    }

    int number() {
        return number;
    }

    Delta wrote(String text, List<TokenLogProbs> tokens) {
        if (texts != null) {
            texts.add(tokens);
        }
        return told(filter.push(text), null);
    }

    Delta finished(Generation.Finish finish) {
        String rest = filter.finish();
        return told(rest, switch (finish) {
            case EOS, STOP -> "stop";
            case LENGTH -> "length";
        });
    }

    private Delta told(String passed, String finish) {
        String end = filter.blocked() ? "content_filter" : finish;
        String text = tools == null ? passed : tools.push(passed);
        if (end != null && tools != null) {
            text += tools.finish();
        }
        List<ToolCalls.Call> calls = tools == null ? List.of() : tools.take();
        called |= !calls.isEmpty();
        if ("stop".equals(end) && called) {
            end = "tool_calls";
        }
        List<TokenText> told = texts == null ? List.of() : texts.told(filter.settled(), filter);
        return new Delta(number, text, told, calls, end);
    }
}
