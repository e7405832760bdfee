package dev.zhulong.serve;

import dev.zhulong.infer.Generation;
import dev.zhulong.infer.TokenLogProbs;
import dev.zhulong.serve.TokenTexts.TokenText;
import java.util.ArrayList;
import java.util.List;

/** One of a request's answers while it is written: what the model writes goes through the filter, then calls of tools are taken out. */
final class Choice implements AutoCloseable {
    private final int number;
    private final TextFilter filter;
    /** Null where no tools were offered. */
    private final ToolCalls tools;
    /** Null where log-probabilities are not asked for. */
    private final TokenTexts texts;
    /** Where the answer is JSON under rules, it is told when it is whole; null elsewhere. */
    private final StringBuilder json;
    private boolean called;

    /** @param wholeJson whether the answer is JSON, whose strings are looked at as what they spell */
    Choice(int number, TextFilter filter, ToolCalls tools, TokenTexts texts, boolean wholeJson) {
        this.number = number;
        this.filter = filter;
        this.tools = tools;
        this.texts = texts;
        json = wholeJson && filter.guards() ? new StringBuilder() : null;
    }

    Delta wrote(String text, List<TokenLogProbs> tokens) {
        if (texts != null) {
            texts.add(tokens);
        }
        if (json != null) {
            json.append(text);
            return new Delta(number, "", List.of(), List.of(), null, null, null, false);
        }
        return told(filter.push(text), null, null);
    }

    /** @param stop the stop string that was written; null for none */
    Delta finished(Generation.Finish finish, String stop) {
        String why = switch (finish) {
            case EOS, STOP -> "stop";
            case LENGTH -> "length";
        };
        return json == null ? told(filter.finish(), why, stop) : toldJson(why, stop);
    }

    private Delta toldJson(String finish, String stop) {
        String text = tools == null ? json.toString() : tools.push(json.toString()) + tools.finish();
        List<ToolCalls.Call> calls = tools == null ? List.of() : tools.take();
        try {
            String told = text.isEmpty() ? "" : JsonReview.of(text, filter);
            List<ToolCalls.Call> reviewed = reviewed(calls);
            boolean same = told.equals(text) && reviewed.equals(calls);
            List<TokenText> tokens = texts != null && same ? texts.told(Integer.MAX_VALUE, filter) : List.of();
            return new Delta(number, told, tokens, reviewed, "stop".equals(finish) && !calls.isEmpty() ? "tool_calls" : finish, stop, null, false);
        } catch (JsonReview.Blocked e) {
            return blocked("", List.of());
        }
    }

    private Delta told(String passed, String finish, String stop) {
        String text = tools == null ? passed : tools.push(passed);
        if ((finish != null || filter.blocked()) && tools != null) {
            text += tools.finish();
        }
        List<ToolCalls.Call> calls = tools == null ? List.of() : tools.take();
        if (filter.guards()) {
            try {
                calls = reviewed(calls);
            } catch (JsonReview.Blocked e) {
                calls = List.of();
            }
        }
        if (filter.blocked()) {
            return blocked(text, calls);
        }
        called |= !calls.isEmpty();
        List<TokenText> tokens = texts == null ? List.of() : texts.told(filter.settled(), filter);
        return new Delta(number, text, tokens, calls, "stop".equals(finish) && called ? "tool_calls" : finish, stop, null, false);
    }

    private List<ToolCalls.Call> reviewed(List<ToolCalls.Call> calls) {
        List<ToolCalls.Call> reviewed = new ArrayList<>();
        for (ToolCalls.Call call : calls) {
            reviewed.add(new ToolCalls.Call(call.name(), JsonReview.of(call.arguments(), filter)));
        }
        return reviewed;
    }

    private Delta blocked(String text, List<ToolCalls.Call> calls) {
        List<TokenText> tokens = texts == null || json != null ? List.of() : texts.told(filter.settled(), filter);
        return new Delta(number, text, tokens, calls, "content_filter", null, filter.reason().isEmpty() ? null : filter.reason(), filter.wantsRewrite());
    }

    @Override
    public void close() {
        filter.close();
    }
}
