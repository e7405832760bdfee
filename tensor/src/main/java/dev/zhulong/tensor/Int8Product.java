package dev.zhulong.tensor;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.ListType;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.OptionalType;

/**
 * Who multiplies unsigned by signed bytes: X [rows, in] of 0 … 255 by Wᵀ, W [out, in] of −127 … 127.
 *
 * <p>Both sum in 32-bit integers and give the sums as F32, rounded to nearest even, so that they differ in speed only. Without VNNI both add two
 * neighbouring products in 16 bits, which hold what they must when no two weights at columns 2i and 2i + 1 add up to more than 128.
 */
enum Int8Product {
    /** Best for few rows, and on processors without VNNI. */
    FBGEMM {
        @Override
        Packed pack(Tensor weights) {
            IValue quantized = call(Operators.QUANTIZED, new IValue(weights.t), new IValue(1.0), new IValue(0L));
            IValue packed = call(Operators.FBGEMM_PACK, quantized, new IValue());
            return new Packed(this, List.of(new IValue(1.0), new IValue(0L), packed));
        }

        @Override
        Tensor multiply(Tensor x, Packed weights) {
            // it quantises by itself: at a scale of 1 the integers stay what they are
            return new Tensor(call(Operators.FBGEMM, x.to(DType.F32), weights).toTensor());
        }
    },
    /** Best for many rows with VNNI. */
    ONEDNN {
        @Override
        Packed pack(Tensor weights) {
            IValue packed = call(Operators.ONEDNN_PACK, new IValue(weights.t), new IValue());
            GenericList none = new GenericList(OptionalType.get(ListType.ofNumbers().getElementType()));
            long f32 = DType.F32.torch.value;
            return new Packed(this, List.of(
                    new IValue(1.0), new IValue(0L), packed, new IValue(Tensor.ones(DType.F32, 1).t), new IValue(Tensor.zeros(DType.I64, 1).t),
                    new IValue(), new IValue(1.0), new IValue(0L), new IValue(f32), new IValue("none"), new IValue(none), new IValue("")));
        }

        @Override
        Tensor multiply(Tensor x, Packed weights) {
            return new Tensor(call(Operators.ONEDNN, x, weights).toTensor());
        }
    };

    private static final class Operators {
        static final OperatorHandle QUANTIZED = find("aten::_make_per_tensor_quantized_tensor");
        static final OperatorHandle FBGEMM_PACK = find("quantized::linear_prepack");
        static final OperatorHandle FBGEMM = find("quantized::linear_with_input_q_dq_qweight_dq_output_fp32");
        static final OperatorHandle ONEDNN_PACK = find("onednn::qlinear_prepack");
        static final OperatorHandle ONEDNN = find("onednn::qlinear_pointwise");

        private static OperatorHandle find(String name) {
            Libtorch.load();
            return Dispatcher.singleton().findSchemaOrThrow(name, "").retainReference();
        }
    }

    /** Weights in a product's own layout: its arguments after the activations. Lives outside all scopes. */
    static final class Packed implements AutoCloseable {
        final Int8Product by;
        private final List<IValue> arguments;

        private Packed(Int8Product by, List<IValue> arguments) {
            this.by = by;
            this.arguments = arguments;
            PointerScope scope = PointerScope.getInnerScope();
            for (IValue argument : arguments) {
                argument.retainReference();
                scope.detach(argument);
            }
        }

        @Override
        public void close() {
            arguments.forEach(IValue::close);
        }
    }

    /** Packs W (I8 [out, in]), inside an open scope. */
    abstract Packed pack(Tensor weights);

    /** X·Wᵀ as F32 [rows, out], in the open scope; {@code x} is U8 [rows, in]. */
    abstract Tensor multiply(Tensor x, Packed weights);

    private static IValue call(OperatorHandle operator, IValue... arguments) {
        IValueVector stack = new IValueVector();
        for (IValue argument : arguments) {
            stack.push_back(argument);
        }
        operator.callBoxed(stack);
        return new IValue(stack.get(0));
    }

    private static IValue call(OperatorHandle operator, Tensor x, Packed weights) {
        IValueVector stack = new IValueVector();
        stack.push_back(new IValue(x.t));
        for (IValue argument : weights.arguments) {
            stack.push_back(argument);
        }
        operator.callBoxed(stack);
        return stack.get(0);
    }

    private static final Map<Integer, Int8Product> FASTEST = new ConcurrentHashMap<>();

    /**
     * Which is the faster here for {@code rows} rows, by a measurement of some milliseconds, made once for each number of rows. What is computed
     * does not depend on the answer.
     */
    static Int8Product fastest(int rows) {
        return FASTEST.computeIfAbsent(rows, Int8Product::measure);
    }

    private static Int8Product measure(int rows) {
        int inputs = 1024;
        int outputs = 256;
        Map<Int8Product, Double> best = new EnumMap<>(Int8Product.class);
        try (var scope = TensorScope.open();
                var off = NoGrad.open();
                var alone = OneThread.open()) {
            Tensor x = Tensor.ones(DType.U8, rows, inputs);
            for (Int8Product product : values()) {
                try (Packed packed = product.pack(Tensor.ones(DType.I8, outputs, inputs))) {
                    double[] seconds = new double[12];
                    for (int i = 0; i < seconds.length; i++) {
                        try (var inner = TensorScope.open()) {
                            long start = System.nanoTime();
                            product.multiply(x, packed);
                            seconds[i] = (System.nanoTime() - start) * 1e-9;
                        }
                    }
                    best.put(product, Arrays.stream(seconds).min().orElseThrow());
                }
            }
        }
        return best.get(ONEDNN) < best.get(FBGEMM) ? ONEDNN : FBGEMM;
    }
}
