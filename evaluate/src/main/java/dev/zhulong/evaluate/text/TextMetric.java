package dev.zhulong.evaluate.text;

import dev.zhulong.text.tags.TagScheme;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * A metric of texts beside their references, by name: what {@code score} and the tasks of {@code evaluate} call it.
 *
 * <pre>{@code
 * for (MetricValue value : TextMetric.of("rouge", Settings.DEFAULT).corpus(segments, Bootstrap.DEFAULT)) ...
 * }</pre>
 */
public interface TextMetric {
    /** One or more numbers over all segments. */
    List<MetricValue> corpus(List<Segment> segments, Bootstrap bootstrap);

    /** The same numbers of one segment alone, their errors unknown. */
    default List<MetricValue> sentence(Segment segment) {
        return corpus(List.of(segment), Bootstrap.NONE);
    }

    /**
     * Choices that change numbers; each shows in the signature.
     *
     * @param tokenizer of BLEU
     * @param lowercase whether BLEU and chrF ignore case
     * @param smoothing of BLEU
     * @param stemmer   whether ROUGE stems English words
     * @param chinese   whether ROUGE reads Chinese, Japanese and Korean characters one by one
     */
    record Settings(BleuTokenizer tokenizer, boolean lowercase, Bleu.Smoothing smoothing, boolean stemmer, boolean chinese) {
        public static final Settings DEFAULT = new Settings(BleuTokenizer.V13A, false, Bleu.Smoothing.EXP, false, false);
    }

    /** The metric of this name. */
    static TextMetric of(String name, Settings settings) {
        Function<Settings, TextMetric> metric = Registry.METRICS.get(name.strip().toLowerCase(Locale.ROOT));
        if (metric == null) {
            throw new IllegalArgumentException("unknown metric '" + name + "'; there are " + String.join(", ", names()));
        }
        return metric.apply(settings);
    }

    static List<String> names() {
        return List.copyOf(Registry.METRICS.keySet());
    }

    /** By name. */
    final class Registry {
        private static final Map<String, Function<Settings, TextMetric>> METRICS = new LinkedHashMap<>();

        static {
            METRICS.put("bleu", s -> corpus(Bleu.DEFAULT.withTokenizer(s.tokenizer).withLowercase(s.lowercase).withSmoothing(s.smoothing)));
            METRICS.put("chrf", s -> corpus(Chrf.DEFAULT.withLowercase(s.lowercase)));
            METRICS.put("chrf++", s -> corpus(Chrf.PLUS_PLUS.withLowercase(s.lowercase)));
            METRICS.put("ter", _ -> corpus(Ter.DEFAULT));
            METRICS.put("rouge", s -> rouge(new Rouge(s.chinese ? Rouge.Tokens.CHINESE : Rouge.Tokens.ENGLISH, s.stemmer)));
            METRICS.put("exact", _ -> Registry::exact);
            METRICS.put("squad", _ -> answers(AnswerMatch.SQUAD));
            METRICS.put("cmrc", _ -> answers(AnswerMatch.CMRC));
            METRICS.put("classification", _ -> Registry::classification);
            METRICS.put("ner", _ -> Registry::tags);
            METRICS.put("ner_strict", _ -> Registry::strictTags);
            METRICS.put("entities", _ -> (segments, bootstrap) -> entities(segments.stream().map(Segment::hypothesis).toList(),
                    segments.stream().map(Registry::only).toList(), Entities::ofLists, bootstrap));
        }

        private Registry() {}

        private static TextMetric corpus(CorpusMetric metric) {
            return new TextMetric() {
                @Override
                public List<MetricValue> corpus(List<Segment> segments, Bootstrap bootstrap) {
                    CorpusResult result = metric.evaluate(segments, bootstrap);
                    return List.of(new MetricValue(metric.name(), result.estimate(), true, metric instanceof Ter, result.signature(),
                            result.verbose()));
                }

                @Override
                public List<MetricValue> sentence(Segment segment) {
                    CorpusMetric own = metric.forSentences();
                    return own == metric ? corpus(List.of(segment), Bootstrap.NONE)
                            : Registry.corpus(own).corpus(List.of(segment), Bootstrap.NONE);
                }
            };
        }

        private static TextMetric rouge(Rouge rouge) {
            return (segments, _) -> Arrays.stream(Rouge.Kind.values())
                    .map(kind -> share(kind.id(), rouge.evaluate(kind, segments), rouge.signature())).toList();
        }

        private static List<MetricValue> exact(List<Segment> segments, Bootstrap bootstrap) {
            double[] hits = segments.stream().mapToDouble(s -> s.references().contains(s.hypothesis()) ? 1 : 0).toArray();
            return List.of(share("exact_match", Estimate.mean(hits, 1), "case:mixed|version:" + CorpusMetric.VERSION));
        }

        private static TextMetric answers(AnswerMatch match) {
            String signature = "manner:" + match.name().toLowerCase(Locale.ROOT) + "|version:" + CorpusMetric.VERSION;
            return (segments, _) -> {
                AnswerMatch.Result result = match.evaluate(segments);
                return List.of(share("exact_match", result.exactMatch(), signature), share("f1", result.f1(), signature));
            };
        }

        private static List<MetricValue> classification(List<Segment> segments, Bootstrap bootstrap) {
            List<String> said = segments.stream().map(s -> s.hypothesis().strip()).toList();
            List<String> right = segments.stream().map(s -> only(s).strip()).toList();
            var all = Classification.of(said, right);
            String signature = "classes:" + all.classes().size() + "|version:" + CorpusMetric.VERSION;
            Function<Classification, Double> macro = Classification::macroF1;
            var values = new ArrayList<MetricValue>();
            values.add(share("accuracy", all.accuracy(), signature));
            for (var number : Map.<String, Function<Classification, Double>>of("macro_f1", macro, "weighted_f1", Classification::weighted,
                    "matthews", Classification::matthews).entrySet().stream().sorted(Map.Entry.comparingByKey()).toList()) {
                values.add(share(number.getKey(), bootstrap.estimate(number.getValue().apply(all), said.size(),
                        rows -> number.getValue().apply(Classification.of(pick(said, rows), pick(right, rows)))), resampled(signature, bootstrap)));
            }
            return values;
        }

        private static List<MetricValue> tags(List<Segment> segments, Bootstrap bootstrap) {
            return entities(segments.stream().map(s -> Whitespace.split(s.hypothesis())).toList(),
                    segments.stream().map(s -> Whitespace.split(only(s))).toList(), Entities::of, bootstrap);
        }

        /** In the scheme that the references are written in; also the F1 of each type. */
        private static List<MetricValue> strictTags(List<Segment> segments, Bootstrap bootstrap) {
            List<List<String>> said = segments.stream().map(s -> Whitespace.split(s.hypothesis())).toList();
            List<List<String>> right = segments.stream().map(s -> Whitespace.split(only(s))).toList();
            TagScheme scheme = TagScheme.of(right).orElse(TagScheme.IOB2);
            var values = new ArrayList<MetricValue>();
            for (MetricValue value : entities(said, right, (s, r) -> Entities.of(s, r, scheme), bootstrap)) {
                values.add(new MetricValue(value.name(), value.estimate(), false, false, "scheme:" + scheme + "|" + value.signature(), value.detail()));
            }
            String signature = values.getLast().signature();
            Entities.of(said, right, scheme).types().forEach((type, counts) -> values.add(new MetricValue("entity_f1." + type,
                    Estimate.unknown(counts.f1()), false, false, signature, parts(counts))));
            return values;
        }

        private static String parts(Classification.Class counts) {
            return String.format(Locale.ROOT, "precision %.4f, recall %.4f, %d entities of %d right", counts.precision(), counts.recall(),
                    counts.hits(), counts.support());
        }

        private static <T> List<MetricValue> entities(List<T> said, List<T> right, BiFunction<List<T>, List<T>, Entities> match,
                Bootstrap bootstrap) {
            Entities all = match.apply(said, right); // says which sentence is wrong
            List<Classification.Class> each = IntStream.range(0, said.size())
                    .mapToObj(i -> match.apply(List.of(said.get(i)), List.of(right.get(i))).micro()).toList();
            String signature = "types:" + all.types().size() + "|version:" + CorpusMetric.VERSION;
            Classification.Class micro = all.micro();
            Estimate f1 = bootstrap.estimate(micro.f1(), each.size(),
                    rows -> Arrays.stream(rows).mapToObj(each::get).reduce(new Classification.Class(0, 0, 0), Classification.Class::plus).f1());
            return List.of(new MetricValue("entity_f1", f1, false, false, resampled(signature, bootstrap), parts(micro)),
                    share("macro_f1", Estimate.unknown(all.macroF1()), signature));
        }

        private static String only(Segment segment) {
            if (segment.references().size() > 1) {
                throw new IllegalArgumentException("labels and tags have one reference, found " + segment.references().size());
            }
            return segment.references().getFirst();
        }

        private static List<String> pick(List<String> from, int[] rows) {
            return Arrays.stream(rows).mapToObj(from::get).toList();
        }

        private static String resampled(String signature, Bootstrap bootstrap) {
            return bootstrap.asked() ? "bs:" + bootstrap.resamples() + "|seed:" + bootstrap.seed() + "|" + signature : signature;
        }

        private static MetricValue share(String name, Estimate estimate, String signature) {
            return new MetricValue(name, estimate, false, false, signature, "");
        }
    }
}
