// The port: YOLO11n in C++ with libtorch, one training step's forward.
#include <bisect/port.h>

#include "loss.h"
#include "net.h"
#include "training.h"

bisect::Port build(const bisect::Options& options) {
  yolo::choose_fault(options.get("fault", "none"));
  torch::manual_seed(options.seed());
  yolo::YOLO11n net;
  yolo::init_head(net->head);
  net->train(!yolo::fault("eval_mode"));
  yolo::DetectionLoss criterion;

  bisect::Port port;
  port.modules = {{"model", net.ptr()}};
  port.batch = yolo::random_batch(options.number("images", 2), options.number("size", 320),
                                  options.number("boxes", 4), options.number("batch_seed", 0));
  port.step = [net, criterion](bisect::Batch batch) mutable { return criterion(net(batch["img"]), batch); };
  port.optimizer = yolo::make_optimizer(net);
  return port;
}
