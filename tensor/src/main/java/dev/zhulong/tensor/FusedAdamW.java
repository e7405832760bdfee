package dev.zhulong.tensor;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.TensorType;
import org.bytedeco.pytorch.Type;

/**
 * One AdamW step over many tensors in one native call (Loshchilov and Hutter 2019), and the gradient norm over them.
 *
 * <p>{@code aten::_fused_adamw_} has no Java binding of its own (its name starts with an underscore) and goes through the dispatcher. A
 * list of tensors must be a {@code GenericList}: handing {@code IValue} a vector compiles but binds to its {@code Pointer} constructor.
 */
public final class FusedAdamW {
    /** Looked up once; kept out of whatever scope is open at that moment. */
    private static final class Operators {
        static final OperatorHandle ADAMW = find("aten::_fused_adamw_", "");
        static final OperatorHandle NORMS = find("aten::_foreach_norm", "Scalar");

        private static OperatorHandle find(String name, String overload) {
            Libtorch.load();
            return Dispatcher.singleton().findSchemaOrThrow(name, overload).retainReference();
        }
    }

    private FusedAdamW() {}

    /**
     * {@code p ← p·(1 − lr·decay) − lr·m̂/(√v̂ + ε)}, with moments updated in place.
     *
     * @param parameters   leaves, changed in place
     * @param gradients    same shapes
     * @param firstMoments same shapes, changed in place
     * @param secondMoments same shapes, changed in place
     * @param steps        one F32 scalar a parameter, on its device: the number of this step, from 1
     * @param gradScale    gradients are divided by it on the fly (F32 scalar on their device), or null: clipping without a pass over memory
     */
    public static void step(
            List<Tensor> parameters,
            List<Tensor> gradients,
            List<Tensor> firstMoments,
            List<Tensor> secondMoments,
            List<Tensor> steps,
            double lr,
            double beta1,
            double beta2,
            double decay,
            double epsilon,
            Tensor gradScale) {
        if (parameters.isEmpty()) {
            return;
        }
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            IValueVector stack = new IValueVector();
            stack.push_back(list(parameters));
            stack.push_back(list(laidOutAs(parameters, gradients)));
            stack.push_back(list(firstMoments));
            stack.push_back(list(secondMoments));
            stack.push_back(list(List.of()));
            stack.push_back(list(steps));
            stack.push_back(new IValue(lr));
            stack.push_back(new IValue(beta1));
            stack.push_back(new IValue(beta2));
            stack.push_back(new IValue(decay));
            stack.push_back(new IValue(epsilon));
            stack.push_back(new IValue(false));
            stack.push_back(new IValue(false));
            stack.push_back(gradScale == null ? new IValue() : new IValue(gradScale.t));
            stack.push_back(new IValue());
            Operators.ADAMW.callBoxed(stack);
        }
    }

    /** Euclidean norm over all elements of all {@code tensors}, as an F32 scalar tensor: that of their {@link #norms}. */
    public static Tensor norm(List<Tensor> tensors) {
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            return scope.handOut(norm(norms(tensors)));
        }
    }

    /** The same of what {@link #norms} gave. */
    public static Tensor norm(Tensor norms) {
        return new Tensor(org.bytedeco.pytorch.global.torch.linalg_vector_norm(norms.t));
    }

    /** Euclidean norm of each tensor, F32 [number of tensors]; it does not matter which others it is asked for together with. */
    public static Tensor norms(List<Tensor> tensors) {
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            IValueVector stack = new IValueVector();
            stack.push_back(list(tensors));
            stack.push_back(new IValue(new org.bytedeco.pytorch.Scalar(2.0)));
            stack.push_back(new IValue());
            Operators.NORMS.callBoxed(stack);
            var parts = stack.get(0).toTensorVector();
            return scope.handOut(new Tensor(org.bytedeco.pytorch.global.torch.stack(parts, 0)));
        }
    }

    /** A GPU's kernel wants the strides of both equal; autograd lets them differ in dimensions of length 1, as an adapter of rank 1 has them. */
    private static List<Tensor> laidOutAs(List<Tensor> parameters, List<Tensor> gradients) {
        if (parameters.getFirst().t.is_cpu()) {
            return gradients;
        }
        List<Tensor> all = new ArrayList<>(gradients.size());
        for (int i = 0; i < gradients.size(); i++) {
            all.add(laidOutAs(parameters.get(i), gradients.get(i)));
        }
        return all;
    }

    static Tensor laidOutAs(Tensor parameter, Tensor gradient) {
        for (int d = 0; d < parameter.dim(); d++) {
            if (parameter.t.stride(d) != gradient.t.stride(d)) {
                return new Tensor(org.bytedeco.pytorch.global.torch.empty_like(parameter.t)).copy_(gradient);
            }
        }
        return gradient;
    }

    private static IValue list(List<Tensor> tensors) {
        GenericList list = new GenericList(new Type.TypePtr(TensorType.get()));
        for (Tensor t : tensors) {
            list.push_back(new IValue(t.t));
        }
        return new IValue(list);
    }
}
