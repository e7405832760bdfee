package dev.zhulong.serve;

import dev.zhulong.guard.Decision;
import dev.zhulong.infer.SchedulerStats;
import dev.zhulong.serve.ServedModel.Lane;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.function.ToDoubleFunction;

/** What a server counts, as Prometheus reads it. */
final class Metrics {
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final Timer firstToken = timer("zhulong_time_to_first_token", "From a request's arrival to its first piece of text");
    private final Timer betweenTokens = timer("zhulong_time_between_tokens", "Between pieces of a stream's text");

    /** Of a model's lanes. */
    Metrics(ServedModel model) {
        for (Lane lane : model.lanes()) {
            gauge(lane, "zhulong_queue", "Requests waiting in the queue", SchedulerStats::waiting);
            gauge(lane, "zhulong_batch", "Sequences being read or written", SchedulerStats::running);
            gauge(lane, "zhulong_kv_tokens", "Tokens whose keys and values are kept", SchedulerStats::tokensHeld);
            gauge(lane, "zhulong_kv_tokens_max", "Maximum number of tokens whose keys and values are kept", SchedulerStats::tokensMost);
            counter(lane, "zhulong_steps", "Calls of the model", SchedulerStats::steps);
            counter(lane, "zhulong_prompt_tokens", "Tokens of prompts that were read", SchedulerStats::promptTokens);
            counter(lane, "zhulong_cached_tokens", "Tokens of prompts that need not be read", SchedulerStats::cachedTokens);
            counter(lane, "zhulong_written_tokens", "Tokens written", SchedulerStats::writtenTokens);
            counter(lane, "zhulong_preempted", "Sequences that lost their memory to others and were read again", SchedulerStats::preempted);
        }
    }

    private Timer timer(String name, String help) {
        return Timer.builder(name).description(help).serviceLevelObjectives(Duration.ofMillis(10), Duration.ofMillis(25), Duration.ofMillis(50), Duration.ofMillis(100),
                Duration.ofMillis(250), Duration.ofMillis(500), Duration.ofSeconds(1), Duration.ofMillis(2500), Duration.ofSeconds(5), Duration.ofSeconds(10),
                Duration.ofSeconds(30)).register(registry);
    }

    /** Of a model that hears. */
    Metrics(ServedSpeech model) {
        String precision = Precision.HIGH.label();
        Gauge.builder("zhulong_queue", model, ServedSpeech::waiting).description("Requests waiting or running").tag("precision", precision).register(registry);
        FunctionCounter.builder("zhulong_audio_seconds", model, ServedSpeech::seconds).description("Seconds of recordings that were transcribed").tag("precision", precision)
                .register(registry);
    }

    /** Of an encoder. */
    Metrics(ServedEncoder model) {
        String precision = Precision.HIGH.label();
        Gauge.builder("zhulong_queue", model, each -> each.scheduler().stats().waiting()).description("Requests waiting in the queue").tag("precision", precision)
                .register(registry);
        Gauge.builder("zhulong_batch", model, each -> each.scheduler().stats().running()).description("Inputs being read").tag("precision", precision).register(registry);
        FunctionCounter.builder("zhulong_steps", model, each -> each.scheduler().stats().steps()).description("Calls of the model").tag("precision", precision)
                .register(registry);
        FunctionCounter.builder("zhulong_prompt_tokens", model, each -> each.scheduler().stats().promptTokens()).description("Tokens of inputs that were read")
                .tag("precision", precision).register(registry);
    }

    private void gauge(Lane lane, String name, String help, ToDoubleFunction<SchedulerStats> value) {
        Gauge.builder(name, lane, each -> value.applyAsDouble(each.scheduler().stats())).description(help).tag("precision", lane.precision().label()).register(registry);
    }

    private void counter(Lane lane, String name, String help, ToDoubleFunction<SchedulerStats> value) {
        FunctionCounter.builder(name, lane, each -> value.applyAsDouble(each.scheduler().stats())).description(help).tag("precision", lane.precision().label())
                .register(registry);
    }

    /** A request is over. */
    void request(String route, int status, long nanos) {
        Timer.builder("zhulong_requests").description("Requests, from arrival to the end of the answer").tag("route", route).tag("status", Integer.toString(status))
                .register(registry).record(Duration.ofNanos(nanos));
    }

    void firstToken(long nanos) {
        firstToken.record(Duration.ofNanos(nanos));
    }

    void betweenTokens(long nanos) {
        betweenTokens.record(Duration.ofNanos(nanos));
    }

    /** A rule has decided. */
    void decided(Decision decision) {
        Counter.builder("zhulong_guard_decisions").description("What rules have done about texts").tag("rule", decision.rule()).tag("action", decision.action().label())
                .register(registry).increment();
    }

    /** Something was found in the cache of whole answers, or not. */
    void responseCache(boolean hit) {
        Counter.builder("zhulong_response_cache").description("Repeatable requests, by whether their answer was there").tag("hit", Boolean.toString(hit)).register(registry)
                .increment();
    }

    /** In Prometheus' text format. */
    String text() {
        return registry.scrape();
    }
}
