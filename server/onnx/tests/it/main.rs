//! The test bed: models that scikit-learn, LightGBM and XGBoost trained, each with the answers of its trainer.

mod bed;
mod models;
